"""What a converter promises."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import pytest

from tuneplug.errors import SpaceError
from tuneplug.plugins.converters import Converter
from tuneplug.plugins.hookspecs import hookimpl
from tuneplug.plugins.manager import Plugins
from tuneplug.space import SearchSpace
from tuneplug.space.parameters import Float, Parameter
from tuneplug.study import Study

__all__ = ["ConverterContract"]


class ConverterContract:
    """Tests of a converter; give the fixtures ``converter`` and ``declarations``.

    ``declarations`` are a few that have an equal here, as varied as can be: of parameters, not of
    whole spaces.  ``refused``, if it is given, are some that have none.
    """

    #: The package that must not be imported by the converter; None skips the test of that.
    package: ClassVar[str | None] = None

    @pytest.fixture
    def refused(self) -> Sequence[Any]:
        """Return declarations of the package that have no equal here."""
        return []

    @pytest.fixture
    def plugins(self, converter: Converter) -> Plugins:
        """Return plugins of which the converter is one."""

        class Offering:
            @hookimpl
            def tuneplug_converters(self) -> type[Converter]:
                return type(converter)

        plugins = Plugins(installed=False)
        if type(converter) not in plugins.classes("converter").values():
            plugins.register(Offering())
        return plugins

    def test_it_has_a_name(self, converter: Converter) -> None:
        assert isinstance(converter.name, str)
        assert converter.name

    def test_it_accepts_its_own_declarations_and_nothing_else(
        self, converter: Converter, declarations: Sequence[Any], refused: Sequence[Any]
    ) -> None:
        assert declarations
        assert all(converter.accepts(declared) for declared in [*declarations, *refused])
        for other in ([1, 2], (0.0, 1.0), "name", 1.0, None, Float(0.0, 1.0), np.arange(3), object):
            assert not converter.accepts(other)

    def test_a_declaration_becomes_a_parameter_whose_values_can_be_tried(
        self, converter: Converter, declarations: Sequence[Any]
    ) -> None:
        for declared in declarations:
            parameter = converter.convert(declared)
            assert isinstance(parameter, Parameter)
            space = SearchSpace({"p": parameter})
            for configuration in space.sample(50, np.random.default_rng(0)):
                assert space.canonical(configuration) == configuration

    def test_a_study_takes_them(self, plugins: Plugins, declarations: Sequence[Any]) -> None:
        space = {f"p{k}": declared for k, declared in enumerate(declarations)}
        study = Study(space, strategy="random", seed=0, plugins=plugins)
        assert list(study.ask().params) == list(space)

    def test_what_has_no_equal_is_refused_with_the_name_of_the_parameter(
        self, plugins: Plugins, refused: Sequence[Any]
    ) -> None:
        for declared in refused:
            with pytest.raises(SpaceError, match="depth: "):
                Study({"depth": declared}, plugins=plugins)

    def test_the_package_is_not_imported(self, converter: Converter) -> None:
        if self.package is None:
            pytest.skip("no package was given")
        module, name = type(converter).__module__, type(converter).__qualname__
        code = (
            f"import sys; from {module} import {name}; {name}().accepts(object());"
            f"sys.exit({self.package!r} in sys.modules)"
        )
        done = subprocess.run([sys.executable, "-c", code], check=False)  # noqa: S603  our own code
        assert done.returncode == 0
