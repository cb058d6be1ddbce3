"""Training with OpenRLHF: the paper's grid of models and rewards, one command a cell. README.md begins with how."""
