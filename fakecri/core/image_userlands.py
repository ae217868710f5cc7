"""From a recipe to what is inside its image: programs, users and groups."""

from fakecri.core.known_images import DEFAULT_PATH, Recipe
from fakecri.core.userlands import Userland, extended, find_userland


def userland_of(recipe: Recipe) -> Userland:
    """Return the programs, users and groups of an image."""
    executables = recipe.executables
    if executables is None:
        executables = _implied_executables(recipe)
    if not (executables or recipe.setuid or recipe.user_lines or recipe.group_lines):
        return _with_users(find_userland(recipe.base), recipe)
    return _with_users(_extended(recipe, executables), recipe)


def _with_users(userland: Userland, recipe: Recipe) -> Userland:
    """Return a userland with the users and groups of a recipe's own files, if it has any."""
    passwd, group = (_text(recipe, f"/etc/{name}") for name in ("passwd", "group"))
    if passwd is None and group is None:
        return userland
    return Userland(
        frozenset(),
        userland.passwd if passwd is None else passwd,
        userland.group if group is None else group,
        userland.setuid,
        userland,
    )


def _text(recipe: Recipe, path: str) -> str | None:
    content = recipe.files.get(path)
    return content.decode(errors="replace") if isinstance(content, bytes) else content


def _extended(recipe: Recipe, executables: tuple[str, ...]) -> Userland:
    return extended(
        recipe.base,
        executables,
        user_lines=recipe.user_lines,
        group_lines=recipe.group_lines,
        setuid=recipe.setuid,
    )


def _implied_executables(recipe: Recipe) -> tuple[str, ...]:
    """Where the program of the command line must be, unless it is there already."""
    program = next(iter(recipe.argv), "")
    if not program:
        return ()
    if "/" in program:
        directory = "" if program.startswith("/") else recipe.working_dir.rstrip("/") + "/"
        return (directory + program.removeprefix("./"),)
    path = next((each for each in recipe.env if each.startswith("PATH=")), DEFAULT_PATH)[5:]
    there = extended(recipe.base, (), setuid=recipe.setuid)
    if there.find_program(program, path.split(":")):
        return ()
    return (f"/usr/local/bin/{program}",)
