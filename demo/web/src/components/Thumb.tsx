import { paths } from "../api";
import { usePicture } from "../pictures";
import type { Answer } from "../tiers";
import type { Category } from "../types";
import { ImageIcon, MusicIcon, VideoIcon } from "./icons";

const ICONS = { videos: VideoIcon, images: ImageIcon, music: MusicIcon } as const;

/** A colour of its own for each file, so that a missing picture is still recognisable. */
function hue(id: string): number {
  let hash = 0;
  for (const char of id) hash = (hash * 31 + (char.codePointAt(0) ?? 0)) % 360;
  return hash;
}

interface ThumbProps {
  file: { id: string; name: string; category: Category };
  /** False while it is far from the viewport. */
  wanted: boolean;
  children?: (answer: Answer | null) => React.ReactNode;
}

/** A file's thumbnail; `children` may draw over it, knowing which tier it came from. */
export function Thumb({ file, wanted, children }: ThumbProps) {
  const { picture } = usePicture("thumbnail", file.name, wanted ? paths.thumbnail(file.category, file.id) : null);
  const Icon = ICONS[file.category] ?? ImageIcon;
  return (
    <span className="thumb" style={{ "--hue": hue(file.id) } as React.CSSProperties}>
      {picture ? <img src={picture.url} alt="" draggable={false} /> : <Icon size={34} />}
      {children?.(picture?.answer ?? null)}
    </span>
  );
}
