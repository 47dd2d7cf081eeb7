"""Spec of recommender_gnn: who likes what, by vectors smoothed over a graph. Code: worker/recipes/recommender_gnn.py.

A dataset row:

    user,item,when
    ana,17,2021-05-01T20:14:00
"""

from pydantic import Field

from shared.recipes.base import RecipeSpec, with_defaults
from shared.recipes.recommending import INTERACTIONS, ITEMS, PEOPLE, SHAPE, PairsTrain, check
from shared.recipes.recommending_uses import USES

_Base = with_defaults(
    PairsTrain,
    batch_size=(2_048, "Rows per step; of small tables fewer are taken, so that there are 16 steps in an epoch."),
    negatives=1,
    learning_rate=3e-2,
    final_learning_rate=1e-3,
)


class GraphTrain(_Base):
    """How to train. Every step goes over the whole graph, whatever the batch: large batches cost little more than small ones."""

    layers: int = Field(
        2,
        ge=1,
        le=8,
        description="How many steps far in the graph each vector is made of: 1 the items a person took, 2 also the people who took "
        "those.",
        json_schema_extra={"group": "Model"},
    )
    regularisation: float = Field(
        1e-4,
        ge=0,
        le=100,
        description="Penalty in each row on the squares of the vectors before they are smoothed.",
        json_schema_extra={"group": "Regularisation"},
    )


SPEC = RecipeSpec(
    name="recommender_gnn",
    version=1,
    title="Recommender by graph",
    summary="Recommends what a person takes next, by vectors smoothed over the graph of who took what.",
    family="recommenders",
    train_params=GraphTrain,
    inputs=(INTERACTIONS, ITEMS, PEOPLE),
    uses=USES,
    source="LightGCN: He et al. 2020, arXiv:2002.02126; BPR: Rendle et al. 2009, arXiv:1205.2618; sampled softmax with correction: "
    "Yang et al. 2020 (mixed negatives); newcomers: Hu, Koren, Volinsky 2008; diversity: Carbonell, Goldstein 1998",
    limits="It recommends what people like those it learnt from took then. Items that nobody took have no place in it, people it "
    "does not know are answered by a list of what they like. The graph is that of the training part: what people took after it "
    "changes no answer but that it is not said again. It foresees no ratings.",
    shape=(*SHAPE, "factors", "layers"),
    check=check,
)
