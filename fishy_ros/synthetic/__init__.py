"""A procedural street: ground, facades, vehicles, people and unknown objects, rendered with exact labels."""
