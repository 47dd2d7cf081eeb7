"""The code of each recipe, one module a recipe; see worker/recipe.py for what such a module holds."""
