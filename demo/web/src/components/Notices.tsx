import { useEffect, useRef } from "react";
import { notices } from "../notices";
import { useStore } from "../store";

export function Notices() {
  const ref = useRef<HTMLDivElement>(null);
  const all = useStore(notices);
  // A popover that is shown anew lies above every open dialog.
  useEffect(() => {
    if (ref.current?.matches(":popover-open")) ref.current.hidePopover();
    if (all.length > 0) ref.current?.showPopover();
  }, [all]);
  return (
    <div ref={ref} className="notices" popover="manual" role="status" aria-live="polite">
      {all.map(({ id, kind, text }) => (
        <p key={id} className={`notice ${kind}`}>
          {text}
        </p>
      ))}
    </div>
  );
}
