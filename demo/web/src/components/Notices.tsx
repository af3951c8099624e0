import { useEffect, useRef } from "react";
import { dialogs, dismiss, isNewest, notices } from "../notices";
import { useStore } from "../store";
import { CloseIcon } from "./icons";

/** The notices, on the page or `within` a dialog, whichever lies uppermost. */
export function Notices({ within }: { within?: string }) {
  const ref = useRef<HTMLDivElement>(null);
  const all = useStore(notices);
  const isUppermost = useStore(dialogs).at(-1) === within;
  // A popover that is shown anew lies above every open dialog.
  useEffect(() => {
    if (ref.current?.matches(":popover-open")) ref.current.hidePopover();
    if (all.length > 0) ref.current?.showPopover();
  }, [all, isUppermost]);
  const last = all.at(-1);
  if (!isUppermost) return null;
  return (
    <>
      {/* Outside of the popover, and there before its text: a region that comes together with it is not read. */}
      <p className="visually-hidden" role="status">
        {last && isNewest(last) && <span key={last.id}>{last.text}</span>}
      </p>
      <div ref={ref} className="notices" popover="manual">
        {all.map(({ id, kind, text }) => (
          <p key={id} className={`notice ${kind}`}>
            <span>{text}</span>
            {kind === "problem" && (
              <button type="button" className="button icon" aria-label="Dismiss" onClick={() => dismiss(id)}>
                <CloseIcon size={16} />
              </button>
            )}
          </p>
        ))}
      </div>
    </>
  );
}
