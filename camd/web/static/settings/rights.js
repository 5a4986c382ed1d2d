import { copyOf } from "../template.js";
import { levelOf, permissionsAt, SUBJECTS } from "./permissions.js";

let count = 0;

/** Chooses permissions: for each subject how far they reach. */
export class Rights {
  /** legend: what they are the rights of. */
  constructor(legend) {
    const { root, part } = copyOf("rights-template");
    this.root = root;
    part("legend").textContent = legend;
    this.fields = SUBJECTS.map((subject) => this.field(subject, part("rows")));
    this.floor = [];
    this.ceiling = null;
  }

  field(subject, rows) {
    const { root, part } = copyOf("right-template");
    const select = part("level");
    select.id = `right/${++count}`;
    part("name").textContent = subject.name;
    part("about").textContent = subject.about;
    part("label").htmlFor = select.id;
    subject.levels.forEach((text, level) => text && select.append(new Option(text, level)));
    rows.append(root);
    return { key: subject.key, select };
  }

  /** floor: permissions that are given anyway; ceiling: those that can be given, null for all. */
  limit({ floor = [], ceiling = null }) {
    const beyond = this.permissions;
    this.floor = floor;
    this.ceiling = ceiling;
    this.show(beyond);
  }

  show(permissions) {
    for (const { key, select } of this.fields) {
      const least = levelOf(key, this.floor);
      const most = this.ceiling ? Math.max(least, levelOf(key, this.ceiling)) : 2;
      for (const option of select.options) option.disabled = option.value < least || option.value > most;
      select.value = Math.max(least, Math.min(most, levelOf(key, permissions)));
      select.disabled = least === most;
    }
  }

  /** What is chosen beyond the floor. */
  get permissions() {
    return this.fields.flatMap(({ key, select }) => {
      const level = Number(select.value);
      return level > levelOf(key, this.floor) ? permissionsAt(key, level) : [];
    });
  }
}
