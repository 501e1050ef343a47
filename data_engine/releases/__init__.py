"""What is published of a workspace: manifest, card, credits, Croissant and the shards."""
