"""How fast the detector is beside what a user could take instead, and what each of them finds."""
