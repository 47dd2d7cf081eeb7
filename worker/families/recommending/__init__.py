"""What recipes that recommend share: interactions read, cleaned and split, the best of many items, answers, baselines.

From the table:   interactions, cleaning, splitting, names; catalogue, features (of items)
To batches:       data (pairs), histories
Networks:         network (pairs), graph, history_network; vectors, history_vectors are what they come down to
Beside them:      baselines, neighbours, als; measuring
In use:           recommender, batching, best_items, choosing, known, exporting
from_vectors has what the recipes' modules do alike.
"""
