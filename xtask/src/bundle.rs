//! One function per bundle. Each returns the files whose size is worth knowing.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, ensure};
use serde_json::json;
use tiercel_core::{
    engine::Tier,
    key::{LAST_CLIENT, client_url},
    policy::{
        Policy,
        document::{coverage, features, javascript, triggers, typescript},
    },
};

use crate::{
    node,
    precache::Manifest,
    progress::step,
    wasm::{self, Bound, Loading},
    workspace::{Workspace, files_below},
};

/// The edge Worker, ready for `wrangler deploy`. `compiled` is what `policy` says.
///
/// # Errors
/// Those of the tools.
pub(crate) fn edge(workspace: &Workspace, policy: &Path, compiled: &Policy, out: &Path) -> Result<Vec<PathBuf>> {
    let source = workspace.path("crates/edge-worker");
    worker(workspace, "tiercel-edge", &source, policy, (Loading::Edge, &features(compiled, Tier::Edge)), out)
}

/// The demo's origin Worker with its migrations, and the library it starts from (`seed.sql`, `media/`).
///
/// # Errors
/// Those of the tools.
pub(crate) fn origin(workspace: &Workspace, policy: &Path, out: &Path) -> Result<Vec<PathBuf>> {
    let source = workspace.path("demo/origin");
    let made = worker(workspace, "videomi-origin", &source, policy, (Loading::Import, &[]), out)?;
    copy_tree(&source.join("migrations"), &out.join("migrations"))?;
    copy(&source.join("seed.sql"), &out.join("seed.sql"))?;
    copy_tree(&workspace.path("demo/media"), &out.join("media"))?;
    Ok(made)
}

/// The Service Worker's wasm, for [`service_worker`]. `compiled` is what `policy` says.
///
/// # Errors
/// Those of the tools.
pub(crate) fn service_worker_wasm(workspace: &Workspace, policy: &Path, compiled: &Policy) -> Result<PathBuf> {
    wasm::build_bare(workspace, "tiercel-sw", policy, &features(compiled, Tier::ServiceWorker))
}

/// The Service Worker: one classic script with the wasm inside, that keeps the app of the manifest.
///
/// # Errors
/// Those of the tools.
pub(crate) fn service_worker(
    workspace: &Workspace,
    wasm: &Path,
    compiled: &Policy,
    app: &Manifest,
    out: &Path,
) -> Result<Vec<PathBuf>> {
    step("tiercel-sw: one script", || {
        let inputs = workspace.scratch("tiercel-sw.json");
        let written = json!({ "routes": coverage(compiled), "triggers": triggers(compiled), "ahead": [client_url(""), client_url(LAST_CLIENT)], "app": app.written(compiled) });
        fs::write(&inputs, written.to_string()).with_context(|| format!("cannot write {}", inputs.display()))?;
        let entry = workspace.path("crates/service-worker/js/sw.js");
        ensure!(entry.is_file(), "the Service Worker has no entry: {} is missing", entry.display());
        let deflated = wasm.with_extension("deflate");
        deflate(wasm, &deflated)?;
        node::tool(workspace, "bundle-sw.mjs").arg(&entry).arg(&deflated).arg(&inputs).arg(out).output().map(drop)
    })?;
    Ok(vec![out.to_path_buf()])
}

/// Compresses a file as well as DEFLATE can (RFC 1951), which gzip itself does not: a thirtieth smaller.
fn deflate(from: &Path, to: &Path) -> Result<()> {
    let bytes = fs::read(from).with_context(|| format!("cannot read {}", from.display()))?;
    let mut out = Vec::new();
    zopfli::compress(zopfli::Options::default(), zopfli::Format::Deflate, bytes.as_slice(), &mut out)?;
    fs::write(to, out).with_context(|| format!("cannot write {}", to.display()))
}

/// The client SDK: the hand-written package around the bound wasm, which lies in its `pkg/`, and what `policy` names.
///
/// # Errors
/// Those of the tools.
pub(crate) fn sdk(workspace: &Workspace, policy: &Path, compiled: &Policy, out: &Path) -> Result<Vec<PathBuf>> {
    let features = features(compiled, Tier::Sdk);
    let bound = wasm::build(workspace, "tiercel-sdk", policy, "tiercel_sdk", Loading::Init, &features)?;
    step("tiercel-sdk: npm package", || {
        let facade = workspace.path("crates/client-sdk/js");
        ensure!(facade.join("package.json").is_file(), "the SDK has no {}/package.json", facade.display());
        clear(out)?;
        copy_tree(&facade, out)?;
        copy_tree(&bound.dir, &out.join("pkg"))?;
        for licence in ["LICENSE-MIT", "LICENSE-APACHE"] {
            copy(&workspace.path(licence), &out.join(licence))?;
        }
        let text = fs::read_to_string(policy).with_context(|| format!("cannot read {}", policy.display()))?;
        write_generated(&out.join("policy.d.ts"), typescript(&text))?;
        write_generated(&out.join("policy.js"), javascript(&text))
    })?;
    let mut shipped = files_below(out)?;
    shipped.retain(|file| file.extension().is_some_and(|extension| extension == "js" || extension == "wasm"));
    shipped.sort();
    Ok(shipped)
}

/// The demo's page, with a Service Worker at its root that keeps it. Needs the SDK in `dist`; `wasm` is the Service
/// Worker's.
///
/// # Errors
/// Those of the tools.
pub(crate) fn web(workspace: &Workspace, wasm: &Path, compiled: &Policy, dist: &Path) -> Result<Vec<PathBuf>> {
    let page = workspace.path("demo/web");
    let out = dist.join("demo/web");
    step("demo page: vite build", || {
        node::tool(workspace, "build-web.mjs").arg(&page).arg(dist.join("sdk")).arg(&out).output().map(drop)
    })?;
    service_worker(workspace, wasm, compiled, &Manifest::of(&out)?, &out.join("sw.js"))?;
    let mut scripts = files_below(&out.join("assets"))?;
    scripts.retain(|file| file.extension().is_some_and(|extension| extension == "js" || extension == "css"));
    scripts.sort();
    Ok(scripts)
}

fn worker(
    workspace: &Workspace,
    package: &str,
    source: &Path,
    policy: &Path,
    (loading, features): (Loading, &[&str]),
    out: &Path,
) -> Result<Vec<PathBuf>> {
    let bound = wasm::build(workspace, package, policy, "index", loading, features)?;
    step(&format!("{package}: module Worker"), || {
        clear(out)?;
        plain_import(&bound)?;
        node::tool(workspace, "bundle-worker.mjs").arg(&bound.dir).arg(out).output()?;
        copy(&source.join("wrangler.template.jsonc"), &out.join("wrangler.jsonc"))
    })?;
    Ok(vec![out.join("index.js"), out.join("index_bg.wasm")])
}

/// wasm-bindgen writes the source-phase import of the ES proposal; Workers give a `WebAssembly.Module` for a
/// plain import of a `.wasm` file, and know no other.
fn plain_import(bound: &Bound) -> Result<()> {
    let path = bound.dir.join(format!("{}.js", bound.name));
    let script = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let imports = script.matches("import source ").count();
    ensure!(
        imports == 1,
        "{} has {imports} source-phase imports, not one: has wasm-bindgen changed its output?",
        path.display()
    );
    fs::write(&path, script.replacen("import source ", "import ", 1))
        .with_context(|| format!("cannot write {}", path.display()))
}

fn write_generated(file: &Path, text: Option<String>) -> Result<()> {
    let text = text.context("the policy has errors")?;
    fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))
}

fn clear(dir: &Path) -> Result<()> {
    if dir.exists() {
        fs::remove_dir_all(dir).with_context(|| format!("cannot clear {}", dir.display()))?;
    }
    fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::copy(from, to).map(drop).with_context(|| format!("cannot copy {} to {}", from.display(), to.display()))
}

fn copy_tree(from: &Path, to: &Path) -> Result<()> {
    for file in files_below(from)? {
        let copied = to.join(file.strip_prefix(from)?);
        if let Some(parent) = copied.parent() {
            fs::create_dir_all(parent).with_context(|| format!("cannot make {}", parent.display()))?;
        }
        copy(&file, &copied)?;
    }
    Ok(())
}
