"""What is measured: one module for each question, `run(lab)` answers it."""
