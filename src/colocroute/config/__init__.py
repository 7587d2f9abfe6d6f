"""One declaration for each setting, which feeds the parser, `--help` and the reference."""
