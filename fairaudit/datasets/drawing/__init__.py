"""Pictures drawn from numbers: people, household objects, animals and memes of the synthetic world."""
