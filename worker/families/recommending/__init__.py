"""What recipes that recommend share: interactions read, cleaned and split, the best of many items, answers, baselines."""
