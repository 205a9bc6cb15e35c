"""The tools around the rules: `landfall rules check`, `diff`, `filter` and `schema`.

All of them ask the code that runs in production; what they work out besides is shown only after it has agreed.
`language` knows which paths patterns take; `samples`, `near_rules`, `pair_check`, `output_check`, `job_check` find what
`check` tells as `findings`, and `reports` writes it; `schema` says to editors what the reader of rules files takes.
"""
