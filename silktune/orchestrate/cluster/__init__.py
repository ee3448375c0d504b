"""A cluster for silktune: the file for `ray up`, and the machines it names, checked before anything is started."""
