"""What several tests share: tiny datasets, processes to kill."""
