"""Builders of inputs and results, and stand-ins for what surrounds the program."""
