"""The page that a picture is taken of: our own few lines of style, after the manner of each chat."""

from __future__ import annotations

from html import escape

__all__ = ["WIDTHS", "page"]

WIDTHS = {"slack": 520, "telegram": 390}
"""How wide the window is, in pixels of CSS: a channel beside its sidebar, a telephone held upright."""

_COMMON = """
* { box-sizing: border-box; margin: 0; padding: 0 }
body { font: 15px/1.45 "Helvetica Neue", "Segoe UI", Arial, "Liberation Sans", sans-serif; color: #1f1f22;
  background: #fff }
pre, code { font-family: Menlo, Consolas, "DejaVu Sans Mono", monospace }
i, em { font-style: italic } time { color: #7b7f86 }
"""
_SLACK = """
.slack { padding-bottom: 14px; border: 1px solid #d9dbe0; border-radius: 8px; overflow: hidden }
.slack header { padding: 11px 18px; font-weight: 700; border-bottom: 1px solid #e4e5e9 }
.slack header i { float: right; font-style: normal; font-weight: 400; font-size: 20px; line-height: 20px; color: #666 }
.slack nav { padding: 8px 18px 0; border-bottom: 1px solid #e4e5e9; font-size: 13px; color: #62666d }
.slack nav > * { display: inline-block; padding-bottom: 7px; margin-right: 18px }
.slack nav b { color: #1f1f22; border-bottom: 2px solid #1f1f22 }
.slack article { position: relative; padding: 12px 18px 2px 64px }
.slack .avatar { position: absolute; left: 18px; top: 15px; width: 36px; height: 36px; border-radius: 50%;
  background: #8a93a3; color: #fff; font: 700 17px/36px sans-serif; text-align: center }
.slack .alone { margin-bottom: 2px; font-size: 12px; color: #62666d }
.slack .alone + .avatar { top: 34px }
.slack .from .app { margin: 0 7px; padding: 0 4px; border-radius: 3px; background: #e8e9ec; font-size: 10px;
  font-weight: 700; color: #62666d; vertical-align: 1px }
.slack .from time { font-size: 12px }
.slack .typed { margin: 14px 18px 2px; padding: 9px 13px; border: 1px solid #a5a9b1; border-radius: 8px }
.slack h2 { margin: 5px 0; font-size: 18px; line-height: 1.3; font-weight: 700 }
.slack .block { display: flex; gap: 12px; margin: 4px 0 8px; overflow-wrap: anywhere }
.slack .block > div { flex: 1; min-width: 0 }
.slack .fields { display: grid; grid-template-columns: 1fr 1fr; gap: 8px 14px }
.slack .actions { display: flex; flex-wrap: wrap; gap: 8px; margin: 8px 0 }
.slack .button { align-self: flex-start; padding: 3px 12px; border: 1px solid #b9bcc4; border-radius: 5px;
  font-size: 14px; font-weight: 700; white-space: nowrap; background: #fff }
.slack .primary { border-color: #1d7a55; background: #1d7a55; color: #fff }
.slack .danger { border-color: #c2304d; color: #c2304d }
.slack .context { margin: 4px 0 8px; font-size: 12.5px; color: #62666d; overflow-wrap: anywhere }
.slack hr { margin: 14px 0; border: 0; border-top: 1px solid #dcdde1 }
.slack code { padding: 1px 3px; border: 1px solid #dcdde1; border-radius: 3px; background: #f6f6f8; font-size: 12.5px;
  color: #b3293f; overflow-wrap: anywhere }
.slack pre { margin: 4px 0; padding: 8px; border: 1px solid #dcdde1; border-radius: 4px; background: #f6f6f8;
  font-size: 12.5px; line-height: 1.5; white-space: pre-wrap; overflow-wrap: anywhere }
.slack .home { padding: 10px 18px 0 }
.modal > section { padding: 0 20px }
.modal header { margin-bottom: 12px; font-size: 17px }
.modal label { display: block; margin-top: 12px; margin-bottom: 6px; font-weight: 700 }
.modal small { font-weight: 400; color: #62666d }
.modal .field { padding: 9px 12px; border: 1px solid #8b8f97; border-radius: 5px; white-space: pre-wrap;
  overflow-wrap: anywhere }
.modal .lines { min-height: 92px }
.modal .wrong { border-color: #c2304d }
.modal .error { margin-top: 6px; font-size: 13.5px; color: #c2304d }
.modal footer { display: flex; justify-content: flex-end; gap: 10px; margin-top: 18px; padding: 14px 20px 2px;
  border-top: 1px solid #e4e5e9 }
.modal footer .button { padding: 6px 16px }
"""
_TELEGRAM = """
.telegram { padding-bottom: 12px; background: #d5dfe6; border: 1px solid #c3cdd5; border-radius: 8px;
  overflow: hidden }
.telegram header { display: flex; align-items: center; gap: 10px; margin-bottom: 10px; padding: 8px 12px;
  background: #fff; font-size: 13px; line-height: 1.3; color: #6d747b }
.telegram header b { font-size: 16px; color: #1f1f22 }
.telegram header i { font: 30px/30px sans-serif; color: #3b82c4 }
.telegram .round { width: 38px; height: 38px; border-radius: 50%; background: #8a93a3; color: #fff; text-align: center;
  font: 700 17px/38px sans-serif }
.telegram article { width: max-content; min-width: 78%; max-width: 92%; margin: 6px 10px }
.telegram .mine { min-width: 0; max-width: 86%; margin-left: auto }
.telegram .bubble { padding: 7px 11px 5px; border-radius: 14px; background: #fff; font-size: 15px; line-height: 1.36;
  white-space: pre-wrap; overflow-wrap: anywhere; overflow: hidden }
.telegram .mine .bubble { background: #ddf3cb }
.telegram .from { color: #3b82c4 }
.telegram time { float: right; margin: 5px 0 0 12px; font-size: 11.5px }
.telegram code, .telegram pre { font-size: 13px; color: #2a4d6e }
.telegram pre { margin: 4px 0; padding: 6px 9px; border-left: 3px solid #7d9ab5; border-radius: 5px;
  background: #eef2f6; line-height: 1.45; white-space: pre-wrap }
.telegram .quoted { margin-bottom: 4px; padding: 3px 8px; border-left: 3px solid #4f9a3a; border-radius: 4px;
  background: #cdeab7; font-size: 13.5px; white-space: nowrap; overflow: hidden; text-overflow: ellipsis }
.telegram .row { display: flex; gap: 4px; margin-top: 4px }
.telegram .row span { position: relative; flex: 1 1 0; min-width: 0; padding: 8px 6px; border-radius: 9px;
  background: #8b9aa7; color: #fff; font-size: 14px; font-weight: 600; text-align: center;
  white-space: nowrap; overflow: hidden; text-overflow: ellipsis }
.telegram .row i { position: absolute; right: 5px; top: 1px; font-size: 10px; font-style: normal }
"""


def page(body: str, title: str) -> str:
    """A whole page with a drawing on it."""
    return (
        f'<!doctype html><html><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f"<style>{_COMMON}{_SLACK}{_TELEGRAM}</style></head><body>{body}</body></html>"
    )
