//! A body that is put together from several sources. It waits for its reader, so nothing piles up, and it fails when
//! it ends before its announced length.

use js_sys::{Promise, Uint8Array};
use tiercel_core::field::range::ByteRange;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::{ReadableStream, StreamPipeOptions, WritableStream};

use crate::runtime::Result;
use crate::store::FixedLengthStream;

// The runtime can count what goes through a stream of its own, but not pipe from that into another (*tried*:
// "Inter-TransformStream ReadableStream.pipeTo() is not implemented").
#[wasm_bindgen(inline_js = r#"
export async function pass(body, sink, first, end, length) {
  const reader = body.getReader({ mode: "byob" });
  const writer = sink.getWriter();
  let buffer = new ArrayBuffer(65536);
  let at = 0;
  try {
    while (at <= length) {
      const { value, done } = await reader.read(new Uint8Array(buffer));
      if (done) break;
      const from = Math.max(first - at, 0);
      const to = Math.min(end - at, value.length);
      if (from < to) await writer.write(value.subarray(from, to));
      at += value.length;
      buffer = value.buffer;
    }
    if (at !== length) throw new Error("a body is not as long as was announced");
  } catch (error) {
    reader.cancel(error).catch(() => {});
    throw error;
  } finally {
    writer.releaseLock();
  }
}
"#)]
extern "C" {
    /// Passes the bytes from `first` to before `end` on, of `length` in all.
    fn pass(body: &ReadableStream, sink: &WritableStream, first: f64, end: f64, length: f64) -> Promise;
}

/// Where the sources go.
pub(crate) struct Sink(WritableStream);

impl Sink {
    /// A body of `length` bytes.
    pub(crate) fn new(length: u64) -> (Self, ReadableStream) {
        let stream = FixedLengthStream::new(length as f64);
        (Self(stream.writable()), stream.readable())
    }

    /// Writes bytes. Fails when the reader has gone.
    pub(crate) async fn bytes(&self, bytes: &Uint8Array) -> Result<()> {
        let writer = self.0.get_writer()?;
        let written = JsFuture::from(writer.write_with_chunk(bytes)).await;
        writer.release_lock();
        written.map(drop)
    }

    /// Passes a whole stream on, inside the runtime.
    pub(crate) async fn stream(&self, body: &ReadableStream) -> Result<()> {
        let options = StreamPipeOptions::new();
        options.set_prevent_close(true);
        JsFuture::from(body.pipe_to_with_options(&self.0, &options)).await.map(drop)
    }

    /// Passes `take` of a stream on, which is read to its end. Fails when it has not `length` bytes: before anything else
    /// can take the place of those that are missing.
    pub(crate) async fn part(&self, body: &ReadableStream, take: ByteRange, length: u64) -> Result<()> {
        let (first, end) = (take.first as f64, take.last as f64 + 1.0);
        JsFuture::from(pass(body, &self.0, first, end, length as f64)).await.map(drop)
    }

    /// The end.
    pub(crate) async fn close(&self) {
        let _ = JsFuture::from(self.0.close()).await;
    }

    /// Breaks the body off: its reader must not take what came for the whole.
    pub(crate) async fn abort(&self, error: &JsValue) {
        let _ = JsFuture::from(self.0.abort_with_reason(error)).await;
    }
}
