"""What recipes that answer questions from passages share."""
