"""Behaviour that a test chooses without writing a program: its text form, its rules, its play."""
