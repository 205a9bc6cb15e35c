"""`landfall rules check`: what is wrong with rules, found before they are used."""
