//! A body that is put together from several sources. It waits for its reader, so nothing piles up, and it fails when
//! it ends before its announced length.

use js_sys::{Reflect, Uint8Array};
use tiercel_core::field::range::ByteRange;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{ReadableStream, ReadableStreamDefaultReader, StreamPipeOptions, WritableStream};

use crate::runtime::Result;
use crate::store::FixedLengthStream;

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

    /// Passes `take` of a stream on, which is read to its end.
    pub(crate) async fn part(&self, body: &ReadableStream, take: ByteRange) -> Result<()> {
        let reader: ReadableStreamDefaultReader = body.get_reader().unchecked_into();
        let (mut at, mut taken) = (0, 0);
        loop {
            let read = JsFuture::from(reader.read()).await?;
            let Ok(chunk) = Reflect::get(&read, &"value".into())?.dyn_into::<Uint8Array>() else { break };
            let length = u64::from(chunk.length());
            let (from, to) =
                (take.first.saturating_sub(at).min(length), (take.last + 1).saturating_sub(at).min(length));
            at += length;
            if from < to {
                taken += to - from;
                // No chunk is 4 GiB long.
                self.bytes(&chunk.subarray(from as u32, to as u32)).await?;
            }
        }
        if taken == take.len() { Ok(()) } else { Err("the body is shorter than was announced".into()) }
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
