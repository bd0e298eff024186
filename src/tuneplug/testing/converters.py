"""The contract of converters."""

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
    """Tests of a converter; define the fixtures ``converter`` and ``declarations``.

    ``declarations`` are declarations of parameters, not of spaces, that the converter converts;
    choose varied ones.  Override ``refused`` with declarations that the converter must refuse.
    """

    #: Package that the converter must not import.  If None, the test of the import is skipped.
    package: ClassVar[str | None] = None

    @pytest.fixture
    def refused(self) -> Sequence[Any]:
        """Return declarations of the package that cannot be converted."""
        return []

    @pytest.fixture
    def plugins(self, converter: Converter) -> Plugins:
        """Return plugins that include the converter."""

        class Plugin:
            @hookimpl
            def tuneplug_converters(self) -> type[Converter]:
                return type(converter)

        plugins = Plugins(installed=False)
        if type(converter) not in plugins.classes("converter").values():
            plugins.register(Plugin())
        return plugins

    def test_name_is_a_non_empty_string(self, converter: Converter) -> None:
        assert isinstance(converter.name, str)
        assert converter.name

    def test_accepts_only_declarations_of_its_package(
        self, converter: Converter, declarations: Sequence[Any], refused: Sequence[Any]
    ) -> None:
        assert declarations
        assert all(converter.accepts(declared) for declared in [*declarations, *refused])
        for other in ([1, 2], (0.0, 1.0), "name", 1.0, None, Float(0.0, 1.0), np.arange(3), object):
            assert not converter.accepts(other)

    def test_convert_returns_a_parameter_with_canonical_samples(
        self, converter: Converter, declarations: Sequence[Any]
    ) -> None:
        for declared in declarations:
            parameter = converter.convert(declared)
            assert isinstance(parameter, Parameter)
            space = SearchSpace({"p": parameter})
            for configuration in space.sample(50, np.random.default_rng(0)):
                assert space.canonical(configuration) == configuration

    def test_study_accepts_the_declarations(
        self, plugins: Plugins, declarations: Sequence[Any]
    ) -> None:
        space = {f"p{k}": declared for k, declared in enumerate(declarations)}
        study = Study(space, strategy="random", seed=0, plugins=plugins)
        assert list(study.ask().params) == list(space)

    def test_refused_declaration_raises_with_the_name_of_the_parameter(
        self, plugins: Plugins, refused: Sequence[Any]
    ) -> None:
        for declared in refused:
            with pytest.raises(SpaceError, match="depth: "):
                Study({"depth": declared}, plugins=plugins)

    def test_converter_does_not_import_its_package(self, converter: Converter) -> None:
        if self.package is None:
            pytest.skip("the contract has no package")
        module, name = type(converter).__module__, type(converter).__qualname__
        code = (
            f"import sys; from {module} import {name}; {name}().accepts(object());"
            f"sys.exit({self.package!r} in sys.modules)"
        )
        done = subprocess.run([sys.executable, "-c", code], check=False)  # noqa: S603  code of this test
        assert done.returncode == 0
