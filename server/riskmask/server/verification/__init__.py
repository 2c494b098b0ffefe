"""What a reconstruction changed in meaning, measured by the annotators. Knows no transport."""
