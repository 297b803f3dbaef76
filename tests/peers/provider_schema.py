"""Checks every resource of a Terraform module against the schema of a provider.

The schema comes from the Python bindings of the provider, which have one class per block and one parameter per
argument, without a default if the argument is required. Prints one problem per line, then a count.

usage: provider_schema.py <bindings package> <prefix such as google_> <folder of .tf files> ...
"""

import ast
import functools
import importlib.util
import pathlib
import sys

import hcl2

# The meta-arguments of Terraform, which any resource may have.
META = {"count", "depends_on", "for_each", "lifecycle", "provider", "provisioner", "connection"}
INTERNAL = {"scope", "id_", "provisioners"}


@functools.cache
def classes(package, module):
    """The parameters of the constructor of each class in the module of a resource."""
    folder = pathlib.Path(importlib.util.find_spec(package).origin).parent / module
    if not folder.is_dir():
        return None
    found = {}
    for node in ast.parse((folder / "__init__.py").read_text()).body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            for method in node.body:
                if isinstance(method, ast.FunctionDef) and method.name == "__init__":
                    found[node.name] = parameters(method)
    return found


def parameters(method):
    """Maps each name to whether it is required, and to the class of its block."""
    arguments = method.args
    return {
        argument.arg: (default is None, block_class(argument.annotation))
        for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults)
    }


def block_class(annotation):
    for node in ast.walk(annotation) if annotation else ():
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            name = node.value
            if name.isidentifier() and not name.startswith("_"):
                return name
    return None


def bare(text):
    return text.strip('"')


def check(where, block, known, class_name, problems):
    schema = known[class_name]
    block = {bare(name): value for name, value in block.items()}
    given = {name for name in block if not name.startswith("__")} - {"dynamic"}
    dynamics = {bare(name): body for dynamic in block.get("dynamic", []) for name, body in dynamic.items()}
    allowed = set(schema) - INTERNAL
    for name in sorted((given | set(dynamics)) - META):
        if name not in allowed:
            problems.append(f"{where}: there is no {name}")
            continue
        nested = schema[name][1]
        if nested not in known:
            continue
        bodies = block.get(name, [])
        for body in bodies if isinstance(bodies, list) else [bodies]:
            if isinstance(body, dict):
                check(f"{where}.{name}", body, known, nested, problems)
        if name in dynamics:
            content = dynamics[name].get("content", [{}])
            for body in content if isinstance(content, list) else [content]:
                check(f"{where}.{name}", body, known, nested, problems)
    for name, (is_required, _) in schema.items():
        if is_required and name not in INTERNAL and name not in given | set(dynamics):
            problems.append(f"{where}: {name} is missing")


def main():
    package, prefix, *folders = sys.argv[1:]
    problems, count = [], 0
    for file in sorted(file for folder in folders for file in pathlib.Path(folder).glob("*.tf")):
        with file.open() as opened:
            parsed = hcl2.load(opened)
        for kind, module_prefix in (("resource", ""), ("data", f"data_{prefix}")):
            for entry in parsed.get(kind, []):
                for type_name, named in entry.items():
                    type_name = bare(type_name)
                    short = type_name.removeprefix(prefix)
                    if type_name.startswith("terraform_"):
                        continue  # of Terraform itself
                    if short == type_name:
                        problems.append(f"{file.name}: {type_name} is not of this provider")
                        continue
                    known = classes(package, module_prefix + short)
                    if known is None:
                        problems.append(f"{file.name}: there is no {kind} {type_name}")
                        continue
                    # The name of every class of a module begins with the name of the resource.
                    config = min(known, key=len) + "Config"
                    for name, body in named.items():
                        count += 1
                        check(f"{file.name}: {type_name}.{bare(name)}", body, known, config, problems)
    print(*problems, f"{count} blocks, {len(problems)} problems", sep="\n")
    sys.exit(1 if problems or count == 0 else 0)


main()
