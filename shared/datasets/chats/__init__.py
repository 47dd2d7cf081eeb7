"""Chats as they are uploaded, checked and stored: what formats/chats.py is made of."""
