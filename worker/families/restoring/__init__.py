"""What recipes share that make a better picture of a damaged one."""
