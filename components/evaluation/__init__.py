"""What the evaluator step is made of: scores, blessing, report."""
