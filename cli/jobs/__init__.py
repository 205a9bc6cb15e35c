"""The tools around jobs: `landfall jobs apply`, `check` and `export`.

`files` reads jobs as people keep them and `yaml_text` writes them; `workspace` asks for those of a workspace and
changes them; `defaults` and `differences` say what is not the same; `checks` finds what is wrong with a job before it
runs.
"""
