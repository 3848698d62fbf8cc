"""Making a user's own project: ``simmm init`` (docs/own-project.md).

The files in ``templates/`` end in ``.template``, so that no tool takes them for code of simmm.
"""

from simmm.project.make import Project, make_project

__all__ = ["Project", "make_project"]
