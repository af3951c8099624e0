/** Icons drawn on a grid of 24; they are decoration, the control around them carries the name. */

import type { ReactNode } from "react";

function icon(content: ReactNode, filled = false) {
  return function Icon({ size = 20 }: { size?: number }) {
    return (
      <svg
        width={size}
        height={size}
        viewBox="0 0 24 24"
        fill={filled ? "currentColor" : "none"}
        stroke={filled ? "none" : "currentColor"}
        strokeWidth="1.8"
        strokeLinecap="round"
        strokeLinejoin="round"
        aria-hidden="true"
      >
        {content}
      </svg>
    );
  };
}

export const CheckIcon = icon(<path d="m5 12.500 4.700 4.700L19 7.500" />);
export const PlusIcon = icon(<path d="M12 5v14M5 12h14" />);
export const LinkIcon = icon(<path d="M10 14a4 4 0 0 0 5.700 0l3.100-3.100a4 4 0 0 0-5.700-5.700L12 6.300M14 10a4 4 0 0 0-5.700 0l-3.100 3.100a4 4 0 0 0 5.700 5.700L12 17.700" />);
export const WarningIcon = icon(<path d="M12 9.500v4M12 16.800h.01M10.600 4.300 2.900 17.600A1.600 1.600 0 0 0 4.300 20h15.400a1.600 1.600 0 0 0 1.400-2.400L13.400 4.300a1.600 1.600 0 0 0-2.800 0z" />);
export const ArtistIcon = icon(<path d="M12 12a4.200 4.200 0 1 0 0-8.400 4.200 4.200 0 0 0 0 8.400zM4 20.500c.6-3.800 3.900-6 8-6s7.400 2.200 8 6" />);
export const PlayIcon = icon(<path d="M7 4.8c0-1 1.100-1.600 2-1.100l11 6.900c.8.500.8 1.700 0 2.200l-11 6.900c-.9.500-2-.1-2-1.100z" transform="translate(-.5 .3)" />, true);
export const PauseIcon = icon(<path d="M7 4.500h3.200v15H7zM13.800 4.500H17v15h-3.200z" />, true);
export const StarIcon = icon(<path d="m12 2.800 2.800 5.900 6.400.8-4.700 4.500 1.200 6.400-5.700-3.100-5.700 3.100 1.200-6.400L2.800 9.500l6.400-.8z" />, true);
export const UploadIcon = icon(<path d="M12 16V4m0 0L7 9m5-5 5 5M4 16v2.500A1.500 1.500 0 0 0 5.500 20h13a1.500 1.500 0 0 0 1.500-1.500V16" />);
export const PencilIcon = icon(<path d="m14.500 5.500 4 4M4 20l1-4.500L16 4.600a1.500 1.500 0 0 1 2.100 0l1.300 1.300a1.500 1.500 0 0 1 0 2.100L8.500 19z" />);
export const TrashIcon = icon(<path d="M4 7h16M9.500 7V4.500h5V7M6 7l.8 12a1.500 1.500 0 0 0 1.500 1.400h7.400a1.500 1.500 0 0 0 1.500-1.400L18 7M10 11v5.500M14 11v5.500" />);
export const CloseIcon = icon(<path d="m6 6 12 12M18 6 6 18" />);
export const NextIcon = icon(<path d="m9.500 5 7 7-7 7" />);
export const PreviousIcon = icon(<path d="m14.500 5-7 7 7 7" />);
export const PulseIcon = icon(<path d="M2.500 12h4.200l3-7.500 4.600 15 3-7.500h4.200" />);
export const LayersIcon = icon(<path d="m12 3.500 8.500 4.500L12 12.500 3.500 8zM4 12.500l8 4.200 8-4.200M4 16.800l8 4.200 8-4.200" />);
export const SignOutIcon = icon(<path d="M14 4H6.500A1.500 1.500 0 0 0 5 5.500v13A1.500 1.500 0 0 0 6.500 20H14M10.500 12H21m0 0-4-4m4 4-4 4" />);
export const CloudOffIcon = icon(<path d="M3 3l18 18M8.200 6.400A6 6 0 0 1 18 9.800a4.200 4.200 0 0 1 2.700 6.700M17 19H7.500a4.800 4.800 0 0 1-1.700-9.300" />);
export const VideoIcon = icon(<path d="M3.500 7A1.500 1.500 0 0 1 5 5.500h9A1.500 1.500 0 0 1 15.500 7v10a1.500 1.500 0 0 1-1.500 1.500H5A1.500 1.500 0 0 1 3.500 17zm12 3.500 5-3v9l-5-3" />);
export const ImageIcon = icon(<path d="M5 4.500h14A1.500 1.500 0 0 1 20.500 6v12a1.500 1.500 0 0 1-1.500 1.500H5A1.500 1.500 0 0 1 3.500 18V6A1.500 1.500 0 0 1 5 4.500zM4 17l5-5 4 4 2.500-2.500L20 18M15.500 9.200h.01" />);
export const MusicIcon = icon(<path d="M9 18V6l11-2v12M9 18a2.700 2.700 0 1 1-5.400 0A2.700 2.700 0 0 1 9 18zm11-2a2.700 2.700 0 1 1-5.400 0 2.700 2.700 0 0 1 5.400 0z" />);
export const GridIcon = icon(<path d="M4.500 4.500h6v6h-6zM13.500 4.500h6v6h-6zM4.500 13.500h6v6h-6zM13.500 13.500h6v6h-6z" />);
export const SoundIcon = icon(<path d="M4 9.500v5h3.500L12 18.500v-13L7.500 9.500zM15.500 9a4.200 4.200 0 0 1 0 6M18 6.500a7.800 7.800 0 0 1 0 11" />);
export const MutedIcon = icon(<path d="M4 9.500v5h3.500L12 18.500v-13L7.500 9.500zM16 9.500l5 5M21 9.500l-5 5" />);
export const FullscreenIcon = icon(<path d="M4 9V5.500A1.500 1.500 0 0 1 5.500 4H9M15 4h3.500A1.500 1.500 0 0 1 20 5.500V9M20 15v3.500a1.500 1.500 0 0 1-1.500 1.500H15M9 20H5.500A1.500 1.500 0 0 1 4 18.500V15" />);

export function Logo({ size = 30 }: { size?: number }) {
  return <img className="logo" src="/icons/videomi.svg" width={size} height={size} alt="" />;
}
