//! The allocator of the edge: talc gives memory back as the standard one does, and takes 2.8 KB less of wasm (gzip).

#[cfg(target_family = "wasm")]
#[global_allocator]
static ALLOCATOR: talc::wasm::WasmDynamicTalc = talc::wasm::new_wasm_dynamic_allocator();
