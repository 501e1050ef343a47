"""Poses, framing, the job queue and the Blender worker."""
