"""The synthetic world: who lives in it, what is photographed there, and what is planted."""
