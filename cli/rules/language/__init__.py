"""Which paths a rule takes, as a regular language: what two rules share, and whether one leaves the other anything.

Bottom-up: `characters` are sets of code points, `terms` languages with union, intersection and complement, `words`
finds the shortest text in one or proves that there is none, `expression` and `dates` read what path patterns are made
of, and `paths` is the language of a rule.
"""
