"""OpenRLHF launchers and reward files: not here yet. README.md says what will stand here and what works now."""
