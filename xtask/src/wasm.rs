//! From a crate to a small wasm module and its JavaScript: cargo, wasm-bindgen as a library, wasm-opt.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, ensure};
use wasm_bindgen_cli_support::Bindgen;

use crate::{command::Run, node, progress, setup::SHIPPED_TARGET, workspace::Workspace};

/// What wasm-opt may use. workerd and every browser since 2022 know these; `--all-features` makes modules that
/// workerd refuses ("unknown import kind").
const WASM_FEATURES: [&str; 6] =
    ["mutable-globals", "sign-ext", "nontrapping-float-to-int", "bulk-memory", "multivalue", "reference-types"];

/// What makes a module smaller by another hundredth, in several times the time: control flow made anew, and values followed
/// through the whole module. Not `--reorder-functions`, which gives the shortest numbers to the functions that are called most:
/// `tools/order-functions.mjs` puts them where they compress.
const SMALLER: [&str; 6] = ["--low-memory-unused", "--flatten", "--rereloop", "-Oz", "--gufa", "-Oz"];

/// The same for a Worker, as far as it gains there.
const SMALLER_WORKER: [&str; 5] = ["--low-memory-unused", "--flatten", "--rereloop", "-Oz", "-Oz"];

/// Which JavaScript wasm-bindgen writes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Loading {
    /// The module comes as an import and is instantiated at once; a function puts a fresh instance in its place.
    /// This is what a Worker needs.
    Import,
    /// The same for the edge, whose every byte counts: panics say their place to its function `panicked` and trap, and what it
    /// has from worker-sys for R2 goes.
    Edge,
    /// The module comes through `init` or `initSync`. This is what a browser needs.
    Init,
}

/// A bound module: `{dir}/{name}.js`, `{dir}/{name}_bg.wasm`, and for a Worker snippets.
pub(crate) struct Bound {
    /// The directory that holds all files.
    pub(crate) dir: PathBuf,
    /// What the files' names start with.
    pub(crate) name: &'static str,
}

impl Bound {
    /// The wasm file.
    pub(crate) fn wasm(&self) -> PathBuf {
        self.dir.join(format!("{}_bg.wasm", self.name))
    }
}

/// Compiles, binds and shrinks one crate.
///
/// # Errors
/// Those of the compiler and the tools.
pub(crate) fn build(
    workspace: &Workspace,
    package: &str,
    policy: &Path,
    name: &'static str,
    loading: Loading,
    features: &[&str],
) -> Result<Bound> {
    let compiled =
        progress::step(&format!("{package}: cargo build"), || compile(workspace, package, policy, features))?;
    let compiled = if loading == Loading::Edge { trapping(workspace, &compiled, Some("panicked"))? } else { compiled };
    let bound = progress::step(&format!("{package}: wasm-bindgen"), || {
        same_wasm_bindgen(workspace)?;
        bind(&compiled, workspace.scratch(package), name, loading)
    })?;
    progress::step(&format!("{package}: wasm-opt"), || match loading {
        Loading::Import => optimise(workspace, &bound.wasm(), &SMALLER_WORKER),
        Loading::Edge => {
            node::tool(workspace, "drop-exports.mjs").arg(bound.wasm()).arg("r2range").output()?;
            optimise(workspace, &bound.wasm(), &SMALLER_WORKER)
        }
        Loading::Init => {
            let wasm = bound.wasm();
            fs::rename(trapping(workspace, &wasm, None)?, &wasm)
                .with_context(|| format!("cannot replace {}", wasm.display()))?;
            optimise(workspace, &wasm, &SMALLER)?;
            node::tool(workspace, "bundle-bindings.mjs").arg(&bound.dir).arg(name).output().map(drop)
        }
    })?;
    Ok(bound)
}

/// Compiles and shrinks one crate that binds nothing: its module alone.
///
/// # Errors
/// Those of the compiler and the tools.
pub(crate) fn build_bare(workspace: &Workspace, package: &str, policy: &Path, features: &[&str]) -> Result<PathBuf> {
    let compiled =
        progress::step(&format!("{package}: cargo build"), || compile(workspace, package, policy, features))?;
    let wasm = workspace.scratch(package).with_extension("wasm");
    if let Some(dir) = wasm.parent() {
        fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
    }
    progress::step(&format!("{package}: wasm-opt"), || {
        fs::rename(trapping(workspace, &compiled, None)?, &wasm)
            .with_context(|| format!("cannot write {}", wasm.display()))?;
        optimise(workspace, &wasm, &SMALLER)
    })?;
    Ok(wasm)
}

/// The module `wasm` with every panic a trap, which is first told to the function called `teller`.
fn trapping(workspace: &Workspace, wasm: &Path, teller: Option<&str>) -> Result<PathBuf> {
    let trapping = wasm.with_extension("trapping.wasm");
    node::tool(workspace, "trap-panics.mjs").arg(wasm).arg(&trapping).args(teller).output()?;
    Ok(trapping)
}

fn compile(workspace: &Workspace, package: &str, policy: &Path, features: &[&str]) -> Result<PathBuf> {
    Run::new("cargo")
        .args(["build", "--profile", "wasm", "--target", SHIPPED_TARGET, "--package", package])
        .args(without_home().iter().flat_map(|flags| ["--config", flags]))
        .args(["--no-default-features", "--features", &features.join(",")])
        .env("TIERCEL_POLICY", policy)
        .dir(&workspace.root)
        .status()?;
    let file = format!("{}.wasm", package.replace('-', "_"));
    let path = workspace.target.join(SHIPPED_TARGET).join("wasm").join(file);
    ensure!(path.is_file(), "cargo wrote no {}: does {package} have `crate-type = [\"cdylib\"]`?", path.display());
    Ok(path)
}

/// Where the dependencies' sources lie on this machine is nobody's business, and a module must not be larger for it.
fn without_home() -> Option<String> {
    let home = env::var_os("CARGO_HOME").map(PathBuf::from).or_else(|| Some(env::home_dir()?.join(".cargo")))?;
    let sources = home.join("registry/src/");
    // As TOML writes a text.
    let flag = format!("{:?}", format!("--remap-path-prefix={}=", sources.to_str()?));
    Some(format!("target.{SHIPPED_TARGET}.rustflags=[{flag}]"))
}

/// The macro writes into the module what the library must read back, in a format that changes between versions.
fn same_wasm_bindgen(workspace: &Workspace) -> Result<()> {
    let macros = workspace.locked_version("wasm-bindgen")?;
    let library = workspace.locked_version("wasm-bindgen-cli-support")?;
    ensure!(
        macros == library,
        "Cargo.lock has wasm-bindgen {macros} but wasm-bindgen-cli-support {library}; \
         run `cargo update -p wasm-bindgen --precise {library}`"
    );
    Ok(())
}

fn bind(compiled: &Path, dir: PathBuf, name: &'static str, loading: Loading) -> Result<Bound> {
    if dir.exists() {
        fs::remove_dir_all(&dir).with_context(|| format!("cannot clear {}", dir.display()))?;
    }
    let mut bindgen = Bindgen::new();
    bindgen.input_path(compiled).out_name(name).remove_producers_section(true);
    match loading {
        Loading::Import | Loading::Edge => {
            // Not `force_enable_abort_handler`: it wraps every import in a `try_table`, 12 KiB that tools/edge-instance.js
            // does without, since it wraps the exports.
            bindgen.module(true)?.reset_state_function(true);
        }
        Loading::Init => {
            // Mangled names are what tools/trap-panics.mjs knows.
            bindgen.web(true)?.typescript(false).demangle(false);
        }
    }
    bindgen.generate(&dir).with_context(|| format!("wasm-bindgen cannot bind {}", compiled.display()))?;
    Ok(Bound { dir, name })
}

fn optimise(workspace: &Workspace, wasm: &Path, passes: &[&str]) -> Result<()> {
    let small = wasm.with_extension("small.wasm");
    node::package(workspace, "binaryen/bin/wasm-opt")
        .args(passes)
        .arg("--mvp-features")
        .args(WASM_FEATURES.map(|feature| format!("--enable-{feature}")))
        .args(["--strip-debug", "--strip-producers", "--strip-target-features"])
        .arg(wasm)
        .arg("-o")
        .arg(&small)
        .output()?;
    node::tool(workspace, "order-functions.mjs").arg(&small).output()?;
    fs::rename(&small, wasm).with_context(|| format!("cannot replace {}", wasm.display()))
}
