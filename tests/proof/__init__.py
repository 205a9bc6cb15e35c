"""The table of docs/proof.md: runs every proof, keeps what each left behind, and writes the document's tables."""
