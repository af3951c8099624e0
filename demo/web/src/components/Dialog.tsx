import { useId, useLayoutEffect, useRef, type KeyboardEventHandler, type ReactNode } from "react";
import { dialogs } from "../notices";
import { Notices } from "./Notices";

interface DialogProps {
  label: string;
  className: string;
  onClose: () => void;
  onKeyDown?: KeyboardEventHandler;
  children: ReactNode;
}

/** A modal `<dialog>`: the browser keeps the focus inside and gives it back; Escape and the backdrop close it. */
export function Dialog({ label, className, onClose, onKeyDown, children }: DialogProps) {
  const ref = useRef<HTMLDialogElement>(null);
  const id = useId();
  // A layout effect, so that the dialog is closed, and the focus given back, before it leaves the document.
  useLayoutEffect(() => {
    const dialog = ref.current;
    if (dialog === null) return;
    dialog.showModal();
    dialogs.set((open) => [...open, id]);
    return () => {
      dialogs.set((open) => open.filter((one) => one !== id));
      dialog.close();
    };
  }, [id]);
  return (
    <dialog
      ref={ref}
      className={className}
      aria-label={label}
      onKeyDown={onKeyDown}
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
      onPointerDown={(event) => event.target === ref.current && onClose()}
    >
      <div className="dialog-body">{children}</div>
      <Notices within={id} />
    </dialog>
  );
}
