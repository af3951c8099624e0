// Remembers the memory of the wasm that the bundle instantiates, so that it must be evaluated before the bundle.

const RealInstance = WebAssembly.Instance;
/** That of the newest instance: a crash replaces the one before. */
let memory;

WebAssembly.Instance = new Proxy(RealInstance, {
  construct(target, given) {
    const instance = Reflect.construct(target, given);
    memory = instance.exports.memory;
    return instance;
  },
});

/** Size of the linear memory in bytes. It never shrinks, so this is also the most that was ever needed. */
export function wasmMemory() {
  return memory?.buffer.byteLength ?? 0;
}
