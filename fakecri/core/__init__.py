"""The state machine. Pure: it is handed its clock, its seed and its files, and asks nobody."""
