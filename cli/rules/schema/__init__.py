"""`landfall rules schema`: the JSON Schema of rules files, from the keys that the reader knows."""
