"""How well the risk map tells what changes, beside what else a user could take."""
