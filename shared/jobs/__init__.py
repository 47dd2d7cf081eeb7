"""Jobs: record, events, queues, models, pins; store.py is the only code that changes them in Redis."""
