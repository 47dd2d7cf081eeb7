"""What style_transfer is made of: what a network sees of style and content, pictures made by it, a network that makes them."""
