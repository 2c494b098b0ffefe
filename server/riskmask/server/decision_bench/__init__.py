"""Whether the decisions are true: each answer held against what the coded picture became."""
