import "@tiercel/sdk/inspector";
import type {} from "@tiercel/sdk/react";
import { useSignedIn } from "../session";

/** The SDK's inspector. Closed it is hidden but there, and hears of every read. */
export function Inspector({ open, onClose }: { open: boolean; onClose: () => void }) {
  const { cache } = useSignedIn();
  return <tiercel-inspector client={cache.tiercel} hidden={!open} theme="dark" onclose={onClose} />;
}
