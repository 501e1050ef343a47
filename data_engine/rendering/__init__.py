"""Poses, framing, the job queue, and the engines: Blender and a ray caster."""
