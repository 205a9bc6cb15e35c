"""`landfall rules diff`: which arrivals two versions of the rules treat differently."""
