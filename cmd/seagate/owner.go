package main

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
)

// giveToOwner gives what root has made in a folder to the owner of the folder. Otherwise the
// gateway, which runs as that user, could not open it. Only root can do that, and only root has to.
func giveToOwner(dir string) error {
	info, err := os.Stat(dir)
	if err != nil {
		return err
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	if !ok || os.Geteuid() != 0 || owner.Uid == 0 {
		return nil
	}
	// An os.Root, because the owner could put a link to another folder in the way.
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	return fs.WalkDir(root.FS(), ".", func(name string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := root.Lstat(name)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		} else if err != nil {
			return err
		}
		has, ok := info.Sys().(*syscall.Stat_t)
		// If a file of root has a second name, the owner may have linked a file from elsewhere here.
		if !ok || has.Uid != 0 || !info.IsDir() && (!info.Mode().IsRegular() || has.Nlink > 1) {
			return nil
		}
		return root.Lchown(name, int(owner.Uid), int(owner.Gid))
	})
}
