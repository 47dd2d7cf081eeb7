"""From chats to what a language model reads: templates, and which of it the loss is taken on. Web and workers share it."""
